"""The only door from models to torch: a small network over radiomics, embeddings, covariates and therapy."""
