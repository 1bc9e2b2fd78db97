"""What happens to predictions after a model: drawing."""
