"""The contract with programs as an OpenAPI document, built from what the app itself goes by."""

from models.reports.openapi.document import contract

__all__ = ["contract"]
