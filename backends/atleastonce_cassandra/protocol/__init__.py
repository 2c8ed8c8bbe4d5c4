"""The decisions of the Cassandra backend, without any input or output.

Each verb is a generator that yields what is to be asked of the servers (`steps`) and is sent what they answered. The backend
plays them over a driver; the tests play the same code in a simulation that interleaves, delays, loses and skews
everything it can.
"""
