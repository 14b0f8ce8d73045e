"""What fallline's speed is measured against: NumPy at its best, and the memory's read bandwidth."""
