"""Tables, connections, migrations, and the files of runs."""
