"""What happens to predictions after a model: reading, comparing with labels, drawing."""
