# Python environments, made once and again whenever their requirements change.
#
# pruning_amr_environment(NAME <target> DIRECTORY <dir> REQUIREMENTS <file>... [SYSTEM_PACKAGES])
#   adds a target that makes a virtual environment of PRUNING_AMR_PYTHON in <dir>;
#   SYSTEM_PACKAGES lets it see the packages of that Python (ParaView, numpy, scipy), which keep
#   their versions.

function(pruning_amr_environment)
  cmake_parse_arguments(ENV "SYSTEM_PACKAGES" "NAME;DIRECTORY" "REQUIREMENTS" ${ARGN})
  set(options)
  if(ENV_SYSTEM_PACKAGES)
    set(options --system-site-packages)
  endif()
  set(stamp ${ENV_DIRECTORY}.stamp)
  add_custom_command(
    OUTPUT ${stamp}
    COMMAND ${PRUNING_AMR_PYTHON} -m venv --clear ${options} ${ENV_DIRECTORY}
    COMMAND ${ENV_DIRECTORY}/bin/python ${PROJECT_SOURCE_DIR}/cmake/install_requirements.py
            ${ENV_REQUIREMENTS}
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS ${ENV_REQUIREMENTS} ${PROJECT_SOURCE_DIR}/cmake/install_requirements.py
    COMMENT "Making the Python environment ${ENV_DIRECTORY}"
    VERBATIM)
  add_custom_target(${ENV_NAME} DEPENDS ${stamp})
endfunction()
