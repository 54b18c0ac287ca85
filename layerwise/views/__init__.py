"""A trace as a person reads it: printed shapes, table, explanation, comparison."""
