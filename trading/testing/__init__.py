"""Markets, fakes and factories for tests and evaluation."""
