"""What is asked, the market it is priced by, the answer, and the states in between. Pure."""
