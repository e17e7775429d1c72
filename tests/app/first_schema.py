"""Rows of the first schema: a finished run, and the first of its epochs."""

FIRST_RUN = """
INSERT INTO run (version, change, reset_change, name, tags, note, archived, depth, epochs, lr, batch_size,
  seed, device, dataset, status, priority, position, attempt, crashes, cancel_requested, created_at,
  epochs_done, environment, test_accuracy)
VALUES (1, 1, 0, 'old', '[]', '', FALSE, 3, 2, 0.05, 1024, 7, 'auto', 'mnist', 'finished', 0, 0, 1, 0, FALSE,
  1e9, 2, '{}', 0.91)
"""
FIRST_EPOCH = "INSERT INTO epoch VALUES (1, 1, 2, 1, 0.5, 0.4, 0.9, 0.6, 0.91, 0.5)"
