"""What makes a fresh installation worth looking at: people to be, live coupons, and a wallet with something in it."""
