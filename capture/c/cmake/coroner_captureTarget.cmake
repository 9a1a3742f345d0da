# coroner_capture_target(LIBRARY ROOT): the target coroner::capture, a static library with headers and linker fragments.
function(coroner_capture_target library root)
  add_library(coroner::capture INTERFACE IMPORTED GLOBAL)
  set_target_properties(coroner::capture PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${root}/include"
    # What a program does not call is left out, and `coroner` finds the ELF file of a dump by its build id.
    INTERFACE_LINK_OPTIONS "-L${root}/link;-Wl,--gc-sections;-Wl,--build-id"
    INTERFACE_LINK_LIBRARIES "${library}")
endfunction()

# coroner_capture_core(VARIABLE): the core as capture/c/build names it. CORONER_CORE says it; else the compiler's
# options do, -mcpu and -mfloat-abi on Arm, -march on RISC-V.
function(coroner_capture_core variable)
  if(CORONER_CORE)
    set(${variable} "${CORONER_CORE}" PARENT_SCOPE)
    return()
  endif()
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  set(options "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${CMAKE_C_FLAGS_${type}}")
  if(options MATCHES "-mcpu=(cortex-m[0-9a-z]+)")
    set(core "${CMAKE_MATCH_1}")
    if(options MATCHES "-mfloat-abi=hard")
      set(core "${core}+fp")
    endif()
  elseif(options MATCHES "-march=(rv[0-9]+[a-z]+)")
    set(core "${CMAKE_MATCH_1}")
  else()
    message(FATAL_ERROR "coroner_capture: set CORONER_CORE, or -mcpu (-march) in CMAKE_C_FLAGS")
  endif()
  set(${variable} "${core}" PARENT_SCOPE)
endfunction()
