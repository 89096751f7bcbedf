"""Complete recipes, one YAML file a run."""
