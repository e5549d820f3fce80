"""Objects of any size: uploads in parts and downloads in ranges that continue after a crash."""
