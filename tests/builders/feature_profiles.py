"""Profiles that together take every image type and most settings, for real tumours."""

ALL_IMAGES = """
imageType:
  Original:
  LoG: {sigma: [1, 3]}
  Wavelet:
  Square:
  SquareRoot:
  Logarithm:
  Exponential:
  Gradient:
"""
PROFILES = {
    "every image": ALL_IMAGES,
    "resampled and resegmented": (
        "imageType: {Original: , Wavelet: }\n"
        "setting: {resampledPixelSpacing: [2, 2, 2], binWidth: 20, resegmentRange: [-3, 3], resegmentMode: sigma}\n"
    ),
    "normalised and weighted": (
        "imageType: {Original: , LoG: {sigma: [2]}}\n"
        "setting: {normalize: true, normalizeScale: 100, removeOutliers: 3, binCount: 32, weightingNorm: euclidean,\n"
        "  distances: [1, 2], gldm_a: 1}\n"
    ),
    "in slices": "imageType: {Original: , LBP2D: {binWidth: 1}}\nsetting: {force2D: true, symmetricalGLCM: false}\n",
}
