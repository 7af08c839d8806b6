"""Where work runs: processes here, the workers of a cluster, threads; and jobs whose worker dies."""
