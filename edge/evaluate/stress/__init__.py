"""Hard recordings made from code: noise, light, rain, insects, leaves, and people cut out of a real video."""
