// A browser reads no excerpts of pages for the results of a search when they are files, and complains of each.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
