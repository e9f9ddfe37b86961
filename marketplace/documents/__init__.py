"""Paper contracts, pure: what each document says; `infra/render` turns them into PDF."""
