"""What must hold in a store, one record for each: how it is looked for, and how it is mended where that can be done."""
