"""The pages of studies: their list, one study, and actions on it."""
