"""Speed measured against torch and the original MXNet: ``python -m benchmarks``, see README.md here."""
