"""The cases that hold the rules: `forms` says what a case is, `reading` loads and finds them."""
