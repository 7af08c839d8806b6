"""The version of the package, which results that are stored name."""

VERSION = "0.1.0"
