"""Networks: how one is built, its weights, and its predictions."""
