"""Small networks and probes on embeddings."""
