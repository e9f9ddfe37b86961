"""What a quote is and decides: cheapest allocation, VAT preview, amounts, states. Pure."""
