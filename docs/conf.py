"""How the site is built: ``python docs/build_site.py``."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from optima.version import VERSION  # noqa: E402

# Dask tells of each step of a cluster, which is no fault of a build.
os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")

project = "optima"
author = "The optima developers"
release = version = VERSION

extensions = [
    "mathml",
    "pages",
    "links",
    "plain_formulas",
    "word_breaks",
    "navigation",
    "source_links",
    "light_images",
    "full_size",
    "math_font",
    "docstrings",
    "signatures",
    "other_names",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "build",
    "gallery",
    "_ext",
    "_templates",
    "auto_gallery/used",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]
templates_path = ["_templates"]
nitpicky = False
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_block"]
myst_dmath_double_inline = True
myst_heading_anchors = 4
html_math_renderer = "mathml"

autodoc_typehints = "none"
autodoc_preserve_defaults = True
viewcode_follow_imported_members = True

html_theme = "furo"
html_title = "optima"
html_static_path = ["_static"]
html_extra_path = ["../examples/atlas.html", "../examples/relu_atlas.html"]
html_css_files = ["book.css", "gallery.css"]
html_js_files = ["search.js"]
html_show_sphinx = False
smartquotes = False
html_show_copyright = False
html_copy_source = False
copybutton_exclude = ".linenos, .gp, .go"

GALLERY = HERE / "gallery"
SECTIONS = ("minima", "proofs", "relu", "training", "spectra", "networks", "grids")
sphinx_gallery_conf = {
    "examples_dirs": ["gallery"],
    "gallery_dirs": ["auto_gallery"],
    "filename_pattern": "/plot_",
    "abort_on_example_error": True,
    "subsection_order": [f"gallery/{name}" for name in SECTIONS],
    "within_subsection_order": "pictures.InOrder",
    "image_scrapers": ("matplotlib", "pictures.scrape"),
    # The pages of names show the scripts that use them.
    "doc_module": ("optima",),
    "backreferences_dir": "auto_gallery/used",
    "ignore_repr_types": "matplotlib|optima.plot",
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    # No times on the pages: they depend on the machine.
    "min_reported_time": 10**6,
    "download_all_examples": False,
    "thumbnail_size": (320, 224),
    # Of scripts that end in a table.
    "default_thumb_file": str(HERE / "_static/table.png"),
}
