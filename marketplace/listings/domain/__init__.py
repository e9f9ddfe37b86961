"""The rules of listings, pure.

`listing`  a seller's offer, its states, and what may be done in each of them.
`files`    recognises an uploaded paper by its content.
`market`   what a buyer looks for and what is offered to it.
"""
