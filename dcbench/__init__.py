"""dcbench: compare deep-clustering choices, every axis provably acting, every number traceable."""

__version__ = "0.1.0"
