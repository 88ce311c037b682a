/** The version of this release; a test holds it and package.json together. */
export const RELEASE = '1.0.0'
