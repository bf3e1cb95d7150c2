export async function debianPackage() {
  return { first: '/tmp/w/sysroot/hdsync_0.1.0_amd64.deb', second: '/tmp/w/sysroot/hdsync_0.2.0_amd64.deb' }
}
