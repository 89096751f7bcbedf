"""Methods that several papers build on or are set beside."""
