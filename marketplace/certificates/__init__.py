"""The proof: facts frozen in the transaction that moved the title, printed in the background, open to check."""
