# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` installs, and the Debian package that CPack builds from it (preset release, then
# `cpack --config build-release/CPackConfig.cmake`).
include(GNUInstallDirs)

set(PACKAGING ${CMAKE_SOURCE_DIR}/packaging)
set(DOCUMENTATION share/doc/kernel-exporter)

# compressed(SOURCE NAME): NAME.gz, without a time stamp, in the build directory.
function(compressed SOURCE NAME)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/${NAME}.gz
    COMMAND gzip -9 -n -c ${SOURCE} > ${CMAKE_BINARY_DIR}/${NAME}.gz
    DEPENDS ${SOURCE}
    VERBATIM)
  set_property(GLOBAL APPEND PROPERTY COMPRESSED ${CMAKE_BINARY_DIR}/${NAME}.gz)
endfunction()
compressed(${PACKAGING}/debian/changelog changelog)
compressed(${PACKAGING}/man/kernel_exporter.8 kernel_exporter.8)
get_property(COMPRESSED GLOBAL PROPERTY COMPRESSED)
add_custom_target(compressed ALL DEPENDS ${COMPRESSED})

install(DIRECTORY rules ${PACKAGING}/fleet DESTINATION share/kernel_exporter
  PATTERN tests EXCLUDE PATTERN rules/prometheus/install EXCLUDE)
install(PROGRAMS rules/prometheus/install DESTINATION share/kernel_exporter/rules/prometheus)
install(PROGRAMS ${PACKAGING}/mender/install ${PACKAGING}/mender/state_script
  DESTINATION share/kernel_exporter/mender)
install(DIRECTORY dashboards DESTINATION share/kernel_exporter
  FILES_MATCHING PATTERN *.json PATTERN *.yml PATTERN runbook.md PATTERN source EXCLUDE)
install(FILES ${PACKAGING}/systemd/kernel_exporter.service DESTINATION lib/systemd/system)
install(FILES ${PACKAGING}/systemd/ledger-on-data.conf DESTINATION share/kernel_exporter/systemd)
install(FILES ${PACKAGING}/completion/kernel_exporter DESTINATION share/bash-completion/completions)
install(FILES ${PACKAGING}/sysusers/kernel_exporter.conf DESTINATION lib/sysusers.d)
install(FILES ${PACKAGING}/tmpfiles/kernel_exporter.conf DESTINATION lib/tmpfiles.d)
install(FILES ${PACKAGING}/config/ota.yaml DESTINATION /etc/kernel_exporter)
install(FILES ${PACKAGING}/config/kernel_exporter.default DESTINATION /etc/default
  RENAME kernel_exporter)
install(FILES ${CMAKE_BINARY_DIR}/kernel_exporter.8.gz DESTINATION share/man/man8)
install(FILES ${CMAKE_BINARY_DIR}/changelog.gz ${PACKAGING}/debian/copyright
  README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md DESTINATION ${DOCUMENTATION})
install(DIRECTORY docs DESTINATION ${DOCUMENTATION} FILES_MATCHING PATTERN *.md)
install(FILES ${PACKAGING}/README.md DESTINATION ${DOCUMENTATION}/packaging)
install(FILES dashboards/runbook.md dashboards/update.png DESTINATION ${DOCUMENTATION}/dashboards)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME kernel-exporter)
set(CPACK_PACKAGE_VENDOR kernel_exporter)
set(CPACK_PACKAGE_CONTACT "kernel_exporter maintainers <maintainers@kernel-exporter.example>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
  "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PACKAGING}/debian/postinst ${PACKAGING}/debian/prerm
  ${PACKAGING}/debian/postrm ${PACKAGING}/debian/conffiles ${PACKAGING}/debian/triggers)
# The first line is the synopsis; CPack indents the others.
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Prometheus exporter for kernel internals and over-the-air updates
Small eBPF programs aggregate in the kernel: softirq and run queue latency,
dropped packets with their reason, block I/O latency and errors, and what an
over-the-air update wrote. Rule files define which metrics are exported from
their maps.
.
Needs Linux 5.10 or later with BTF (CONFIG_DEBUG_INFO_BTF).")
include(CPack)
