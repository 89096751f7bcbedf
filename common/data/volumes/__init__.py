"""Volumes: images in three dimensions, such as brain scans."""
