"""How fast RegBench is, beside what a person would use instead; see benchmarks/README.md."""
