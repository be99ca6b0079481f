"""Image files in, voxels on a known grid out; one door for every format."""
