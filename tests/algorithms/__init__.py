"""Tests of the VTK algorithms, without ParaView."""
