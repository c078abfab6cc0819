# Launchers: the real programs with this plugin and its environment in place.
#
# pruning_amr_launchers(<root> <packages> <plugin> <output>)
#   writes launchers into <output>/bin for a tree whose environment is <root>/venv, whose package
#   lies in <packages>, and whose plugin is <plugin>; <root> is where the tree will stand.

function(pruning_amr_launchers root packages plugin output)
  set(LAUNCHER_PACKAGES ${packages})
  set(LAUNCHER_PLUGIN ${plugin})
  set(LAUNCHER_SITE ${root}/venv/lib/python${PRUNING_AMR_PYTHON_VERSION}/site-packages)
  set(LAUNCHER_CONFIG ${root}/lib/plugins.xml)
  set(LAUNCHER_WITH_DISPLAY ${root}/lib/with-display)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/plugins.xml.in ${output}/lib/plugins.xml @ONLY)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/with-display.sh.in ${output}/lib/with-display @ONLY
                 USE_SOURCE_PERMISSIONS)
  file(CHMOD ${output}/lib/with-display PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
       GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  set(program_python ${root}/venv/bin/python)
  set(program_pruning-amr "${root}/venv/bin/python -m pruning_amr")
  foreach(name IN ITEMS paraview pvpython pvbatch pvserver)
    set(program_${name} ${PRUNING_AMR_${name}})
  endforeach()
  foreach(name IN ITEMS paraview pvpython pvbatch pvserver python pruning-amr)
    set(LAUNCHER ${name})
    set(LAUNCHER_PROGRAM ${program_${name}})
    set(LAUNCHER_NEEDS_DISPLAY no)
    if(name MATCHES "^(pvpython|pvbatch|pvserver)$")
      set(LAUNCHER_NEEDS_DISPLAY yes)
    endif()
    configure_file(${PROJECT_SOURCE_DIR}/cmake/launcher.sh.in ${output}/bin/${name} @ONLY)
    file(CHMOD ${output}/bin/${name} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
         GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  endforeach()
endfunction()
