# find_package(coroner_capture): the target coroner::capture for the core that the project compiles for, of those that
# capture/c/build has put here.
include("${CMAKE_CURRENT_LIST_DIR}/coroner_captureTarget.cmake")
get_filename_component(coroner_capture_root "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
coroner_capture_core(coroner_capture_core)
set(coroner_capture_library "${coroner_capture_root}/lib/${coroner_capture_core}/libcoroner_capture.a")
if(NOT EXISTS "${coroner_capture_library}")
  set(coroner_capture_FOUND FALSE)
  set(coroner_capture_NOT_FOUND_MESSAGE
    "there is no library for ${coroner_capture_core}: capture/c/build ${coroner_capture_core} ${coroner_capture_root}")
elseif(NOT TARGET coroner::capture)
  coroner_capture_target("${coroner_capture_library}" "${coroner_capture_root}")
endif()
