"""The kernel's FUSE protocol, spoken on /dev/fuse: https://man7.org/linux/man-pages/man4/fuse.4.html"""
