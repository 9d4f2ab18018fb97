"""Who owns the instances of these tests."""

EMAIL, PASSWORD = "owner@example.test", "correct horse battery"
