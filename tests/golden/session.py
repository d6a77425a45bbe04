# SPDX-License-Identifier: GPL-2.0-only
"""What is known of the real sessions beforehand, for the scripts here: names of commands, and who is a server."""

# By number; of the module's source.
COMMANDS = ("GREETING ALLOC_INODES GET_LOG_TREES COMMIT_LOG_TREES SYNC_LOG_TREES GET_ROOTS GET_LAST_SEQ LOCK LOCK_RECOVER "
            "SRCH_GET_COMPACT SRCH_COMMIT_COMPACT GET_LOG_MERGE COMMIT_LOG_MERGE OPEN_INO_MAP GET_VOLOPT SET_VOLOPT "
            "CLEAR_VOLOPT RESIZE_DEVICES STATFS FAREWELL").split()


def is_server(addr):
    """The mounts of these sessions listen at 19700 to 19702."""
    return 19700 <= int(addr.rsplit(":", 1)[1]) <= 19709
