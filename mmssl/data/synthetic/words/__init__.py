"""What is said about a scene, in six languages."""
