"""Claims about the model itself: reduction, structures, scales, limits and bounds."""
