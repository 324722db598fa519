"""What people and scripts see: Rich and JSON rendering, and the sanitiser that every print passes."""
