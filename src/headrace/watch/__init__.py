"""What the server looks after by itself, on clocks of its own."""
