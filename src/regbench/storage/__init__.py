"""Files on this machine and in a store: atomic writes, cache, addresses, arrays beyond memory."""
