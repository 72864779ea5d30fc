"""What the operating system refuses, in one sentence."""

import errno

_ADVICE = {
    errno.ENOSPC: "make room there or choose another place, then give the same command again",
    errno.EDQUOT: "your share of this disk is used up; remove something or choose another place",
    errno.EACCES: "you lack the permission; choose another place or ask its owner",
    errno.EPERM: "you lack the permission; choose another place or ask its owner",
    errno.ENOENT: "there is no such name; look at how it is written",
    errno.EISDIR: "give the name of a file in it",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another place",
    errno.EEXIST: "a file stands where a folder is needed; choose another place",
    errno.EROFS: "nothing can be written there; choose another place",
    errno.EMFILE: "too many files are open at once; raise the limit with ulimit -n",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def sentence(error: OSError) -> str | None:
    """For people; None when it is not one to tell: typer ends in silence when nobody reads the output any more."""
    if error.errno in {None, errno.EPIPE} or error.strerror is None:
        return None
    name = error.filename2 or error.filename  # of two, that which is written
    place = f"{name}: " if name else ""
    return f"{place}{error.strerror}; {_ADVICE.get(error.errno or 0, 'mmssl --debug shows where it came from')}"
